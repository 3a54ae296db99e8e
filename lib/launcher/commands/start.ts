import * as command from "../../commands/start.ts";
import { only } from "../only.ts";

await only("start", command);
