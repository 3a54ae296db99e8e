// npm's tar-stream carries no types: these are the signatures of what tar_reader.ts uses.

/** What stands in front of a file's data. */
export interface Header {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: Date;
  type: string;
  linkname: string | null;
  devmajor: number;
  devminor: number;
  /** PAX records, of which only path, linkpath and size are in the fields above. */
  pax: Record<string, string> | null;
}

type Entry = AsyncIterable<Uint8Array> & { header: Header };

/** Reads an archive that is written into it. */
export function extract(): AsyncIterable<Entry> & { end(archive: Uint8Array): void };
