import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTempDir, projectDirectory } from '#test-support';
import type { ServiceFacts } from './service-facts.ts';
import { serviceUnit, socketUnit } from './systemd-units.ts';

const template = (name: string): string =>
  readFileSync(join(projectDirectory, 'examples/systemd', name), 'utf8');
const serviceTemplate = template('throughline.service');
const socketTemplate = template('throughline.socket');

const facts: ServiceFacts = {
  program: '/opt/throughline/bin/throughline',
  nodeDirectory: '/opt/node/bin',
  addresses: [3000, 3001, 3002].flatMap((port) => ['127.0.0.1', '::1'].map((host) => ({ host, port }))),
  drainMs: 15 * 60_000,
  homeDir: '/home/me',
};

const stopPost = `ExecStopPost=/bin/sh -c 'test "$$SERVICE_RESULT" != timeout || exec "$$@"' sh `;

/** Without the header of a template, or the mark of what was written. */
function lines(unit: string): string[] {
  return unit.slice(unit.indexOf('[Unit]')).split('\n');
}

describe('the units of systemd', () => {
  it('differ from the examples in nothing but the paths of the installation', () => {
    const service = lines(serviceUnit(serviceTemplate, facts));
    const changed = lines(serviceTemplate).flatMap((line, at) => (line === service[at] ? [] : [service[at]]));
    expect(changed).toEqual([
      'ExecStart=/opt/throughline/bin/throughline up',
      'Environment=PATH=/opt/node/bin:/usr/local/bin:/usr/bin:/bin',
      `${stopPost}/opt/throughline/bin/throughline stop --now`,
    ]);
    expect(service).toHaveLength(lines(serviceTemplate).length);
    expect(lines(socketUnit(socketTemplate, facts))).toEqual(lines(socketTemplate));
  });

  it('follow the configuration: its file, its addresses, and how long answers get', () => {
    const configured: ServiceFacts = {
      ...facts,
      configFile: '/home/me/throughline.yaml',
      addresses: [{ host: '192.0.2.7', port: 80 }],
      drainMs: 3 * 3_600_000,
    };
    const service = lines(serviceUnit(serviceTemplate, configured));
    expect(service).toContain(
      'ExecStart=/opt/throughline/bin/throughline up --config /home/me/throughline.yaml',
    );
    expect(service).toContain(
      `${stopPost}/opt/throughline/bin/throughline stop --now --config /home/me/throughline.yaml`,
    );
    expect(service).toContain('TimeoutStopSec=181min');
    const socket = lines(socketUnit(socketTemplate, configured));
    expect(socket.filter((line) => line.startsWith('ListenStream'))).toEqual(['ListenStream=192.0.2.7:80']);
  });

  it('keep every character of a path', () => {
    const unit = serviceUnit(serviceTemplate, {
      ...facts,
      program: '/a b/100%/$HOME/throughline',
      configFile: '/c d/100%/$HOME/"q"\\x/config.yaml',
      nodeDirectory: '/e f/100%/$HOME/bin',
      dataDir: '/d/data',
    });
    expect(lines(unit)).toContain(
      'ExecStart="/a b/100%%/$HOME/throughline" up --config "/c d/100%%/$$HOME/\\"q\\"\\\\x/config.yaml"',
    );
    expect(lines(unit)).toContain(
      `${stopPost}"/a b/100%%/$$HOME/throughline" stop --now --config "/c d/100%%/$$HOME/\\"q\\"\\\\x/config.yaml"`,
    );
    expect(lines(unit)).toContain(
      'Environment="PATH=/e f/100%%/$HOME/bin:/usr/local/bin:/usr/bin:/bin" THROUGHLINE_DATA_DIR=/d/data',
    );
  });

  it.each(['/quo"te/throughline', "/apos'trophe/throughline", '/back\\slash/throughline'])(
    'are not made for the program %s, which systemd would not start',
    (program) => {
      expect(() => serviceUnit(serviceTemplate, { ...facts, program })).toThrow('systemd starts no program');
    },
  );

  it('are not made with a line break in a path, which would begin another setting', () => {
    const configFile = '/home/me/x\nExecStartPost=/bin/evil';
    expect(() => serviceUnit(serviceTemplate, { ...facts, configFile })).toThrow('control character');
  });

  it('are accepted by systemd where it is installed, whatever the paths', () => {
    using place = makeTempDir('units');
    const program = place.join('100% $HOME and more', 'bin', 'throughline');
    mkdirSync(dirname(program), { recursive: true });
    writeFileSync(program, '#!/bin/sh\n');
    chmodSync(program, 0o755);
    const configFile = place.join('a "configuration" of 100% $HOME\\.yaml');
    const service = place.join('throughline.service');
    const socket = place.join('throughline.socket');
    writeFileSync(service, serviceUnit(serviceTemplate, { ...facts, program, configFile }));
    writeFileSync(socket, socketUnit(socketTemplate, facts));
    const { error, status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', '--user', '--man=no', service, socket],
      {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: place.path, XDG_RUNTIME_DIR: place.path },
      },
    );
    // Not every system has systemd; the other tests here hold on all.
    if (error !== undefined) expect((error as NodeJS.ErrnoException).code).toBe('ENOENT');
    else expect([status, `${stdout}${stderr}`]).toEqual([0, '']);
  });
});
