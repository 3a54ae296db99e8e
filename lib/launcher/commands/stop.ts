import * as command from "../../commands/stop.ts";
import { only } from "../only.ts";

await only("stop", command);
