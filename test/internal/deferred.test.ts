import { describe, expect, test } from "vitest";
import { deferred } from "../../src/internal/deferred.js";

describe("deferred", () => {
  test("is resolved from outside, once", async () => {
    const { promise, resolve, reject } = deferred<number>();
    resolve(1);
    resolve(2);
    reject(new Error("too late"));
    await expect(promise).resolves.toBe(1);
  });

  test("is rejected from outside, with any reason, once", async () => {
    const { promise, resolve, reject } = deferred();
    reject("why");
    resolve();
    await expect(promise).rejects.toBe("why");
  });

  test("follows a promise that it is resolved with", async () => {
    const [outer, inner] = [deferred<string>(), deferred<string>()];
    outer.resolve(inner.promise);
    inner.resolve("later");
    await expect(outer.promise).resolves.toBe("later");
  });
});
