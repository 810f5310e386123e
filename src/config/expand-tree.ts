import type { RuleProblem } from './config-problem.ts';
import type { Environment } from './environment.ts';
import { expandVariables } from './expand-variables.ts';
import { mapTexts, type RawPath, type RawTree } from './raw-tree.ts';

/** Copies the tree with every variable expanded; `DATA_DIR` is the data directory whether or not it was set. */
export function expandTree(
  source: RawTree,
  env: Environment,
  dataDir: string,
): { tree: RawTree; problems: RuleProblem[] } {
  const problems: RuleProblem[] = [];
  const lookUp = (name: string) => (name === 'DATA_DIR' ? dataDir : env[name]);
  const tree = mapTexts(source, (text, path) => {
    const { text: expanded, undefinedNames, malformed } = expandVariables(text, lookUp);
    for (const name of undefinedNames) problems.push(undefinedVariable(name, path));
    if (malformed) {
      const fix = `Write \${NAME} or \${NAME:-default}; a plain "\${" is written "$\${".`;
      problems.push({ code: 'E1005', path, sentence: `a "\${" has no variable name and "}" behind it`, fix });
    }
    return expanded;
  });
  return { tree: tree as RawTree, problems };
}

function undefinedVariable(name: string, path: RawPath): RuleProblem {
  const sentence = `the variable ${name} is not set and has no default`;
  return { code: 'E1005', path, sentence, fix: `Set ${name}, or write \${${name}:-default}.` };
}
