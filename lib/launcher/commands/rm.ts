import * as command from "../../commands/rm.ts";
import { only } from "../only.ts";

only("rm", command);
