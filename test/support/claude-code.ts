import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type OwnProcess, projectDirectory, startProgram } from './child-process.ts';
import { makeTempDir } from './temp-home.ts';

/**
 * Path of the real Claude Code in the version that is pinned in `scripts/toolchain`, which installs it when it is absent
 * (about 350 MB). Throws what that script says when it cannot be had: what is missing and where to get it.
 */
export function claudeCodeProgram(): string {
  const script = join(projectDirectory, 'scripts/toolchain');
  const { status, stdout, stderr, error } = spawnSync(script, ['claude-code'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim() || `${script} could not be run`, { cause: error });
  return stdout.trim();
}

export interface ClaudeCodeOptions {
  readonly program: string;
  /** Where it sends its requests. */
  readonly baseUrl: string;
  readonly prompt: string;
  /** Names of the tools it may use without asking. */
  readonly tools: readonly string[];
  /** Everything that is not for `baseUrl` goes to this proxy, so that nothing leaves the machine. */
  readonly outsideProxy: string;
  /** Its home, when somebody else has to look into it; whoever made it removes it. */
  readonly home?: string;
  /** What stands in its directory when it begins, by relative path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** One headless run of Claude Code in a home and a directory of its own. */
export interface ClaudeCode extends OwnProcess {
  /** Where its tools work. */
  readonly workDirectory: string;
  /** What it said, a JSON object a line. */
  lines(): Record<string, unknown>[];
  /** What it wrote about its sessions, all of them. */
  transcript(): Record<string, unknown>[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts Claude Code with a key that is none, without settings, updates or anything else of this machine's user. */
export function startClaudeCode(options: ClaudeCodeOptions): ClaudeCode {
  const place = makeTempDir('claude-code');
  const home = options.home ?? place.join('home');
  const work = place.join('work');
  const temporary = place.join('tmp');
  for (const directory of [home, work, temporary]) mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(work, name)), { recursive: true });
    writeFileSync(join(work, name), content);
  }
  const started = startProgram(
    options.program,
    [
      ...['-p', options.prompt, '--output-format', 'stream-json', '--verbose'],
      ...['--allowedTools', options.tools.join(',')],
    ],
    {
      cwd: work,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: home,
        CLAUDE_CODE_TMPDIR: temporary,
        ANTHROPIC_BASE_URL: options.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant-fake-for-test',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        HTTP_PROXY: options.outsideProxy,
        HTTPS_PROXY: options.outsideProxy,
        NO_PROXY: '127.0.0.1',
      },
      input: '',
    },
  );
  return {
    ...started,
    workDirectory: work,
    lines: () => jsonLines(started.stdout()),
    transcript: () => {
      const projects = join(home, '.claude', 'projects');
      return readdirSync(projects, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.jsonl'))
        .flatMap((name) => jsonLines(readFileSync(join(projects, name), 'utf8')));
    },
    [Symbol.asyncDispose]: async () => {
      if (started.exit() === undefined) started.child.kill('SIGKILL');
      await started.exited;
      place.remove();
    },
  };
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
