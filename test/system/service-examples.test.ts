import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { makeTempDir, projectDirectory } from '#test-support';

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

describe('the compose file', () => {
  it('opens no address beyond loopback, gives no rights, and lets answers end', () => {
    const { services } = parse(read('docker/compose.yaml')) as {
      services: { throughline: Record<string, unknown> };
    };
    expect(services.throughline).toMatchObject({
      network_mode: 'host',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: '16m',
      build: { dockerfile: 'examples/docker/Dockerfile' },
    });
    expect(services.throughline).not.toHaveProperty('ports');
    expect(read('docker/Dockerfile')).toMatch(/^CMD \["\/opt\/throughline\/bin\/throughline", "up"\]$/m);
  });
});
