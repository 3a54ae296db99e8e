// How a layer says that something of the layers below it is gone: in archives (OCI image-spec layer.md,
// "Whiteouts") and on disk (overlayfs.rst, "whiteouts and opaque directories").

import * as file from "../../ffi/file.ts";

/**
 * In an archive, an empty file with this in front of its name deletes the lower layers' file of the rest of
 * it.
 */
export const WHITEOUT = ".wh.";
/** In an archive, an empty file of this name hides all that the lower layers have in the same directory. */
export const OPAQUE = ".wh..wh..opq";
/** aufs, where whiteouts come from, kept its own files under names that begin like this. */
export const AUFS = ".wh..wh.";
/** On disk, a directory with this attribute set to "y" hides all that the lower layers have in it. */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/**
 * On disk, a directory with this attribute may have whiteouts though no other layer has the directory:
 * without it, overlayfs lists them there as files that can't be found (ovl_check_origin_xattr). The value
 * doesn't matter.
 */
export const ORIGIN_XATTR = "trusted.overlay.origin";

/** Whether the file deletes the lower layers' one on disk: it is a character device 0,0 then. */
export function isWhiteout({ mode, rdevMajor, rdevMinor }: file.Stat): boolean {
  return (mode & file.S_IFMT) === file.S_IFCHR && rdevMajor === 0 && rdevMinor === 0;
}
