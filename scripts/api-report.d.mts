/** An entry of the package, and its declarations. */
export interface Entry {
  readonly entry: string;
  readonly file: string;
}
/** Something that an entry exports. */
export interface Exported {
  readonly entry: string;
  readonly name: string;
  readonly text: string;
  /** What of it has no doc comment. */
  readonly undocumented: readonly string[];
  /** The types that it names and its entry does not export. */
  readonly forgotten: readonly string[];
}
/** The entries of the package with declarations, by package.json. */
export declare function entriesOf(): Entry[];
/** Everything that the entries export. */
export declare function exportedOf(entries: readonly Entry[]): Exported[];
/** The reports, by the file in api/ that each belongs into. */
export declare function reportsOf(exported: readonly Exported[]): Map<string, string>;
/** The reports that are written down. */
export declare function writtenReports(): Map<string, string>;
