import * as command from "../../commands/logs.ts";
import { only } from "../only.ts";

only("logs", command);
