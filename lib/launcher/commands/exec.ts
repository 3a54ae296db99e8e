import * as command from "../../commands/exec.ts";
import { only } from "../only.ts";

only("exec", command);
