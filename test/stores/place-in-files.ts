import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendStore } from "../../src/store.js";
import { fileStore, type FileStoreOptions } from "../../src/stores/file.js";
import type { Place } from "./contract.js";

/** A place in a new folder. */
export interface PlaceInFiles extends Place {
  /** The store's folder, which is not there before a store is opened. */
  readonly folder: string;
  /** The log in it. */
  readonly log: string;
  store(options?: FileStoreOptions): SendStore;
}

/** Make a place for a store below the folder for temporary files. */
export async function placeInFiles(): Promise<PlaceInFiles> {
  const parent = await mkdtemp(join(tmpdir(), "stompede-store-"));
  const folder = join(parent, "a folder", "store");
  const stores: SendStore[] = [];
  return {
    folder,
    log: join(folder, "sends.log"),
    store(options) {
      const store = fileStore(folder, options);
      stores.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(stores.map((store) => store.close()));
      await rm(parent, { recursive: true });
    },
  };
}
