import * as command from "../../commands/logs.ts";
import { only } from "../only.ts";

await only("logs", command);
