/** Flags that make it run in a container, as root, and without asking the network for anything of its own. */
export declare const CHROMIUM_ARGS: string[];
/** The path of a Chromium (or Chrome), or `undefined` when this machine has none. */
export declare function findChromium(): string | undefined;
/** `findChromium`, after an attempt to install Debian's package as root. The result may still be `undefined`. */
export declare function ensureChromium(): string | undefined;
