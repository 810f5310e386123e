import { join } from 'node:path';
import { replaceOnce, type ServiceFacts, serviceVariables, stopMinutes } from './service-facts.ts';
import { marked } from './unit-file.ts';

/** `examples/launchd/throughline.plist` with the paths of this installation. */
export function launchdAgent(template: string, facts: ServiceFacts): string {
  const { program, configFile, homeDir } = facts;
  const command = [program, 'up', ...(configFile === undefined ? [] : ['--config', configFile])];
  const log = join(homeDir, 'Library', 'Logs', 'throughline.log');
  let text = replaceOnce(
    template,
    /(?<=<key>ProgramArguments<\/key>\s*<array>\n)[\s\S]*?(?= *<\/array>)/,
    command.map((word) => `    <string>${escaped(word)}</string>\n`).join(''),
  );
  const variables = Object.entries(serviceVariables(facts)).map(
    ([name, value]) => `    <key>${name}</key>\n    <string>${escaped(value)}</string>\n`,
  );
  text = replaceOnce(
    text,
    /(?<=<key>EnvironmentVariables<\/key>\s*<dict>\n)[\s\S]*?(?= *<\/dict>)/,
    variables.join(''),
  );
  text = replaceValue(text, 'StandardErrorPath', log);
  text = replaceValue(text, 'ExitTimeOut', String(stopMinutes(facts) * 60));
  return withMark(text);
}

function replaceValue(text: string, key: string, value: string): string {
  const pattern = new RegExp(`(?<=<key>${key}</key>\\s*<(string|integer)>)[^<]*(?=</\\1>)`);
  return replaceOnce(text, pattern, escaped(value));
}

/** In place of the comment that says how the template is used by hand. */
function withMark(text: string): string {
  const [before = '', after = ''] = text.split(/<!--[\s\S]*?-->\n/);
  return marked(before, after, (comment) => `<!-- ${comment} -->`);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
