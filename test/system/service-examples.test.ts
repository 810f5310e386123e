import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { makeTempDir, projectDirectory, startFakeProvider, startThroughline } from '#test-support';

// The files that people copy to run Throughline as a service: they must load, and keep what the documentation says.
const example = (path: string): string => join(projectDirectory, 'examples', path);
const read = (path: string): string => readFileSync(example(path), 'utf8');

describe('the systemd units', () => {
  const service = read('systemd/throughline.service');

  it('are accepted by systemd where it is installed', () => {
    using place = makeTempDir('units');
    const program = place.join('bin', 'throughline');
    mkdirSync(place.join('bin'));
    writeFileSync(program, '#!/bin/sh\n');
    chmodSync(program, 0o755);
    copyFileSync(example('systemd/throughline.socket'), place.join('throughline.socket'));
    const unit = place.join('throughline.service');
    writeFileSync(unit, service.replace(/^ExecStart=\S+/m, `ExecStart=${program}`));
    const { error, status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', '--user', '--man=no', unit, place.join('throughline.socket')],
      {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: place.path, XDG_RUNTIME_DIR: place.path },
      },
    );
    // Not every system has systemd; the facts below are checked on all.
    if (error !== undefined) expect((error as NodeJS.ErrnoException).code).toBe('ENOENT');
    else expect([status, `${stdout}${stderr}`]).toEqual([0, '']);
  });

  it('start again what ended, let answers end, and keep files private', () => {
    for (const line of ['Restart=always', 'TimeoutStopSec=16min', 'UMask=0077'])
      expect(service.split('\n')).toContain(line);
    expect(service).not.toMatch(/^(User|MemoryDenyWriteExecute)=/m);
  });

  it('leave it to Throughline what becomes of its processes when one of them dies', () => {
    for (const line of ['KillMode=process', 'OOMPolicy=continue'])
      expect(service.split('\n')).toContain(line);
    expect(service).toMatch(/^ExecStopPost=\/bin\/sh -c '.*SERVICE_RESULT.* timeout .*' sh \S+ stop --now$/m);
  });

  it('listen on loopback only', () => {
    const addresses = [...read('systemd/throughline.socket').matchAll(/^ListenStream=(.+)$/gm)].map(
      ([, address]) => address,
    );
    const hosts = ['127.0.0.1', '[::1]'];
    expect(addresses).toEqual([3000, 3001, 3002].flatMap((port) => hosts.map((host) => `${host}:${port}`)));
  });
});

describe('the launchd agent', () => {
  it('is a property list whose elements are closed and that keeps Throughline running', () => {
    const text = read('launchd/throughline.plist');
    const open: string[] = [];
    for (const [, end, name = '', single] of text.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (end === '/') expect(open.pop()).toBe(name);
      else if (single !== '/') open.push(name);
    }
    expect(open).toEqual([]);
    expect(text).toMatch(/<key>KeepAlive<\/key>\s*<true\/>/);
    expect(text).toMatch(/<key>Umask<\/key>\s*<integer>63<\/integer>/);
  });
});

/** What docker makes of a compose file without asking its daemon. Few machines have a client that can. */
const composeReader = [['docker', 'compose'], ['docker-compose']].find(([program = '', ...args]) => {
  const { stdout } = spawnSync(program, [...args, 'version', '--short'], { encoding: 'utf8' });
  // The first generation, which had its end in 2023, does not know all of the specification.
  return Number.parseInt((stdout ?? '').trim().replace(/^v/, ''), 10) >= 2;
});

describe('the compose file', () => {
  const composeFile = example('docker/compose.yaml');
  const env = {
    PATH: process.env.PATH,
    HOME: '/home/me',
    THROUGHLINE_UID: '1234',
    THROUGHLINE_GID: '5678',
  };

  /** Variables as the compose specification replaces them, as far as the file has some. */
  function parsedAlone(variables: Readonly<Record<string, string | undefined>>): unknown {
    const text = read('docker/compose.yaml').replace(/^ *#.*$/gm, '');
    return parse(
      text.replace(/\$\{(\w+)(?::\?([^}]*))?\}/g, (_, name: string, complaint?: string) => {
        const value = variables[name];
        if (value === undefined && complaint !== undefined) throw new Error(`${name}: ${complaint}`);
        return value ?? '';
      }),
    );
  }

  function readCompose(variables: Readonly<Record<string, string | undefined>>): unknown {
    if (composeReader === undefined) return parsedAlone(variables);
    const [program = '', ...args] = composeReader;
    const { status, stdout, stderr } = spawnSync(program, [...args, '-f', composeFile, 'config'], {
      encoding: 'utf8',
      env: variables as NodeJS.ProcessEnv,
    });
    if (status !== 0) throw new Error(stderr);
    return parse(stdout);
  }

  it(`runs as its user in the network of the host, without rights, as read by ${composeReader?.join(' ') ?? 'a YAML parser, for want of docker compose'}`, () => {
    const { services } = readCompose(env) as { services: { throughline: Record<string, unknown> } };
    expect(Object.keys(services)).toEqual(['throughline']);
    expect(services.throughline).toMatchObject({
      network_mode: 'host',
      user: '1234:5678',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: expect.stringMatching(/^16m(0s)?$/),
      build: { dockerfile: 'examples/docker/Dockerfile' },
      volumes: [{ type: 'bind', source: '/home/me/.local/share/throughline-docker', target: '/data' }],
    });
    expect(services.throughline).not.toHaveProperty('ports');
    expect(services.throughline).not.toHaveProperty('privileged');
  });

  it('asks who its user is instead of guessing', () => {
    const { THROUGHLINE_UID: _, ...without } = env;
    expect(() => readCompose(without)).toThrow('say who you are');
  });
});

describe('the image', () => {
  it('starts what was installed, and takes nothing of the checkout that is not the program', async () => {
    expect(read('docker/Dockerfile')).toMatch(/^CMD \["\/opt\/throughline\/bin\/throughline", "up"\]$/m);
    const [first, ...kept] = read('docker/Dockerfile.dockerignore').match(/^[^#\n].*$/gm) ?? [];
    expect(first).toBe('*');
    using place = makeTempDir('image');
    for (const name of kept.map((line) => line.replace(/^!/, ''))) {
      cpSync(join(projectDirectory, name), place.join(name), { recursive: true });
    }
    // In place of the packages that the image installs for itself.
    symlinkSync(join(projectDirectory, 'node_modules'), place.join('node_modules'));
    await using provider = await startFakeProvider();
    await using throughline = await startThroughline({
      providerOrigin: provider.origin,
      cli: place.join('src/cli/main.ts'),
    });
    expect((await fetch(`${throughline.frontUrl}/v1/models`)).status).toBe(200);
    expect((await fetch(`${throughline.frontUrl}/api/v2/requests`)).status).toBe(200);
  });
});
