import * as command from "../../commands/inspect.ts";
import { only } from "../only.ts";

only("inspect", command);
