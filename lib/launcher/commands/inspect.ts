import * as command from "../../commands/inspect.ts";
import { only } from "../only.ts";

await only("inspect", command);
