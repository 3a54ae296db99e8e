import * as command from "../../commands/start.ts";
import { only } from "../only.ts";

only("start", command);
