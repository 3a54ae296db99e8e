import * as command from "../../commands/run.ts";
import { only } from "../only.ts";

await only("run", command);
