import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDirectory } from '#test-support';
import { launchdAgent } from './launchd-agent.ts';
import type { ServiceFacts } from './service-facts.ts';
import { readPlist } from './testing/read-plist.ts';

const template = readFileSync(join(projectDirectory, 'examples/launchd/throughline.plist'), 'utf8');

const facts: ServiceFacts = {
  program: '/usr/local/lib/throughline/bin/throughline',
  nodeDirectory: '/usr/local/bin',
  addresses: [],
  drainMs: 15 * 60_000,
  homeDir: '/Users/me',
};

describe('the agent of launchd', () => {
  it('differs from the example in nothing but the paths of the installation', () => {
    expect(readPlist(launchdAgent(template, facts))).toEqual(readPlist(template));
  });

  it('follows the installation and the configuration, and keeps every character of a path', () => {
    const agent = launchdAgent(template, {
      program: '/Apps & <more>/throughline',
      nodeDirectory: '/opt/$1/bin',
      configFile: '/Users/me & you/]]>/config.yaml',
      dataDir: '/Volumes/<d>',
      addresses: [],
      drainMs: 60_000,
      homeDir: '/Users/me & you',
    });
    expect(readPlist(agent)).toEqual({
      ...readPlist(template),
      ProgramArguments: ['/Apps & <more>/throughline', 'up', '--config', '/Users/me & you/]]>/config.yaml'],
      EnvironmentVariables: {
        PATH: '/opt/$1/bin:/usr/local/bin:/usr/bin:/bin',
        THROUGHLINE_DATA_DIR: '/Volumes/<d>',
      },
      StandardErrorPath: '/Users/me & you/Library/Logs/throughline.log',
      ExitTimeOut: 120,
    });
  });
});
