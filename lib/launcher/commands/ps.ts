import * as command from "../../commands/ps.ts";
import { only } from "../only.ts";

await only("ps", command);
