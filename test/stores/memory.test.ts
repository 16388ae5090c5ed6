import { memoryStore } from "../../src/stores/memory.js";
import { contract } from "./contract.js";

contract(
  "memory",
  async () => {
    const store = memoryStore();
    return { store: () => store, [Symbol.asyncDispose]: () => store.close() };
  },
  { numRuns: 200 },
);
