import * as command from "../../commands/ps.ts";
import { only } from "../only.ts";

only("ps", command);
