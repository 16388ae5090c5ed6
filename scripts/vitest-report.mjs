/**
 * A Vitest reporter that writes how every test ended, and why it was skipped, to the file that REPORT_FILE names:
 * Vitest's own JSON leaves the reasons out.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";

const messagesOf = (errors) => errors.map((error) => String(error.message ?? error)).join("; ");

export default class VitestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const outcomes = [];
    for (const module of modules) {
      const file = module.relativeModuleId ?? module.moduleId;
      const project = module.project.name;
      for (const test of module.children.allTests()) {
        const result = test.result();
        const state = result.state === "passed" || result.state === "failed" ? result.state : "skipped";
        const reason = state === "failed" ? messagesOf(result.errors) : (result.note ?? test.options.mode);
        // What an attempt before has failed with.
        const before = state === "passed" && result.errors?.length > 0 ? messagesOf(result.errors) : undefined;
        outcomes.push({ project, file, name: test.fullName, state, reason, before });
      }
      // A file that cannot be loaded, or whose hooks fail, has failed although none of its tests did.
      const suites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
      for (const suite of suites) {
        outcomes.push({ project, file, name: suite.fullName, state: "failed", reason: messagesOf(suite.errors()) });
      }
      if (module.errors().length > 0) {
        outcomes.push({ project, file, name: "(the file)", state: "failed", reason: messagesOf(module.errors()) });
      }
    }
    if (unhandledErrors.length > 0) {
      const reason = messagesOf(unhandledErrors);
      outcomes.push({ project: "", file: "", name: "unhandled errors", state: "failed", reason });
    }
    const file = process.env.REPORT_FILE;
    if (file) writeFileSync(file, JSON.stringify(outcomes));
  }
}
