import * as command from "../../commands/stop.ts";
import { only } from "../only.ts";

only("stop", command);
