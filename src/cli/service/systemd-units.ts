import { CliError, exitCodes } from '../cli-error.ts';
import { replaceOnce, type ServiceFacts, serviceVariables, stopMinutes } from './service-facts.ts';
import { marked } from './unit-file.ts';

/** `examples/systemd/throughline.service` with the paths of this installation. */
export function serviceUnit(template: string, facts: ServiceFacts): string {
  const { program, configFile } = facts;
  const config = configFile === undefined ? [] : ['--config', quotedArgument(configFile)];
  const command = [quotedProgram(program), 'up', ...config].join(' ');
  const lastResort = [quotedArgument(program), 'stop', '--now', ...config].join(' ');
  const variables = Object.entries(serviceVariables(facts)).map(([name, value]) =>
    quoted(`${name}=${value}`),
  );
  const lines = [
    [/^ExecStart=.*$/m, `ExecStart=${command}`],
    // The words of the shell stay as they are; what it runs are arguments of it.
    [/(?<=^ExecStopPost=.*' sh ).*$/m, lastResort],
    [/^Environment=PATH=.*$/m, `Environment=${variables.join(' ')}`],
    [/^TimeoutStopSec=.*$/m, `TimeoutStopSec=${stopMinutes(facts)}min`],
  ] as const;
  let text = withoutHeader(template);
  for (const [pattern, line] of lines) text = replaceOnce(text, pattern, line);
  return withMark(text);
}

/** `examples/systemd/throughline.socket` with the configured addresses. */
export function socketUnit(template: string, { addresses }: ServiceFacts): string {
  const lines = addresses.map(
    ({ host, port }) => `ListenStream=${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  return withMark(replaceOnce(withoutHeader(template), /(?:^ListenStream=.*\n?)+/m, `${lines.join('\n')}\n`));
}

/** The first lines of a template say how it is used by hand. */
function withoutHeader(template: string): string {
  return template.slice(template.indexOf('[Unit]'));
}

function withMark(text: string): string {
  return marked('', text, (comment) => `# ${comment}`);
}

/** systemd expands `$` in arguments, but not in the name of the program. */
function quotedArgument(text: string): string {
  return quoted(text.replaceAll('$', '$$$$'));
}

function quotedProgram(path: string): string {
  if (/["'\\]/.test(path))
    throw new CliError(
      exitCodes.failed,
      `systemd starts no program whose path has quotes or backslashes: ${path}`,
      'Install Throughline in another directory.',
    );
  return quoted(path);
}

/** See systemd.syntax(7) and "Specifiers" in systemd.unit(5). */
function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new CliError(
      exitCodes.failed,
      `a path with a line break or another control character cannot stand in a unit of systemd: ${JSON.stringify(text)}`,
      'Rename that directory or file.',
    );
  const escaped = text.replaceAll('%', '%%').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return /^[\w./:@+=,%-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}
