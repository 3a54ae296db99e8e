import * as command from "../../commands/run.ts";
import { only } from "../only.ts";

only("run", command);
