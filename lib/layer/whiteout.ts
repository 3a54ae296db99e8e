// How a layer marks files of lower layers as deleted: in archives (OCI image-spec layer.md, "Whiteouts") and
// on disk (overlayfs.rst, "whiteouts and opaque directories").

import * as file from "../../ffi/file.ts";

/**
 * In an archive, an empty file with this prefix deletes the lower layers' file whose name follows the prefix.
 */
export const WHITEOUT = ".wh.";
/** In an archive, an empty file of this name hides everything the lower layers have in the same directory. */
export const OPAQUE = ".wh..wh..opq";
/** aufs, where whiteouts come from, kept files of its own under names with this prefix. */
export const AUFS = ".wh..wh.";
/** On disk, a directory with this attribute set to "y" hides everything the lower layers have in it. */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/**
 * On disk, a directory needs this attribute to have whiteouts if no other layer has the directory: without
 * it, overlayfs lists them as files that can't be found (ovl_check_origin_xattr). The value doesn't matter.
 */
export const ORIGIN_XATTR = "trusted.overlay.origin";

/** Whether the file deletes the lower layers' file on disk: then it is a character device 0,0. */
export function isWhiteout({ mode, rdevMajor, rdevMinor }: file.Stat): boolean {
  return (mode & file.S_IFMT) === file.S_IFCHR && rdevMajor === 0 && rdevMinor === 0;
}
