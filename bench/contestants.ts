import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { freePorts, makeTempDir, startNode, startThroughline, waitFor } from '#test-support';
import { builtProgram } from './built-program.ts';

/** A proxy in front of one provider that can be told to go on with a new configuration or program. */
export interface Contestant {
  readonly port: number;
  /** Resolves when the command has returned. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Each starts a contestant that forwards to this port of loopback. Rejects when its program is not installed. Ours comes
 * first: it looks up every new connection in a table of the kernel, in which those of the others linger for a minute.
 */
export const contestants: Readonly<Record<string, (upstreamPort: number) => Promise<Contestant>>> = {
  'throughline upgrade core': startOurs,
  'nginx -s reload': startNginx,
  'HAProxy SIGUSR2': startHaproxy,
  'caddy reload': startCaddy,
};

async function startOurs(upstreamPort: number): Promise<Contestant> {
  const cli = builtProgram('cli');
  const ours = await startThroughline({ providerOrigin: `http://127.0.0.1:${upstreamPort}`, cli });
  const { home } = ours;
  return {
    port: Number(new URL(ours.frontUrl).port),
    reload: async () => {
      const env = { ...home.env, DATA_DIR: home.dataDir };
      const command = startNode(cli, ['upgrade', 'core', '--config', home.configFile], { env, input: '' });
      const { code } = await command.exited;
      if (code !== 0) throw new Error(`throughline upgrade failed: ${command.stdout()}${command.stderr()}`);
    },
    stop: ours.stop,
  };
}

/** Two workers under a master; nothing is gathered in either direction, connections to the provider are kept. */
async function startNginx(upstreamPort: number): Promise<Contestant> {
  const files = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const running = await startProgram(
    'nginx',
    (place) => ['-p', place, '-c', `${place}/conf`, '-e', `${place}/error.log`],
    (place, port) => `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 2;
pid ${place}/pid;
error_log ${place}/error.log;
events { worker_connections 4096; }
http {
${files.map((name) => `  ${name}_temp_path ${place}/temp/${name};`).join('\n')}
  access_log off;
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`,
  );
  return { ...running, reload: () => running.signal('SIGHUP') };
}

/** Master and worker; the next worker gets the listening sockets from the last one, as the manual recommends. */
async function startHaproxy(upstreamPort: number): Promise<Contestant> {
  const running = await startProgram(
    'haproxy',
    (place) => ['-W', '-db', '-f', `${place}/conf`],
    (place, port) => `global
  maxconn 4096
  stats socket ${place}/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  option http-no-delay
  retries 0
  timeout connect 5s
  timeout client 30m
  timeout server 30m
  timeout http-keep-alive 75s
frontend front
  bind 127.0.0.1:${port}
  default_backend provider
backend provider
  server provider 127.0.0.1:${upstreamPort}
`,
  );
  return { ...running, reload: () => running.signal('SIGUSR2') };
}

async function startCaddy(upstreamPort: number): Promise<Contestant> {
  const [adminPort = 0] = await freePorts(1);
  const args = (place: string): string[] => ['--config', `${place}/conf`, '--adapter', 'caddyfile'];
  const running = await startProgram(
    'caddy',
    (place) => ['run', ...args(place)],
    (_place, port) => `{
  admin 127.0.0.1:${adminPort}
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstreamPort} {
    flush_interval -1
  }
}
`,
  );
  const reload = [...['reload', '--force', '--address', `127.0.0.1:${adminPort}`], ...args(running.place)];
  return {
    ...running,
    reload: async () => {
      const [code] = await once(spawn('caddy', reload, { stdio: 'ignore' }), 'exit');
      if (code !== 0) throw new Error(`caddy reload failed with exit code ${code}`);
    },
  };
}

interface RunningProgram {
  readonly port: number;
  readonly place: string;
  signal(name: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a program in a directory of its own with its configuration in `conf`, and waits until it accepts. */
async function startProgram(
  program: string,
  argsFor: (place: string) => readonly string[],
  configurationFor: (place: string, port: number) => string,
): Promise<RunningProgram> {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  if (spawnSync('which', [program], { env }).status !== 0)
    throw new Error(`not installed: scripts/toolchain packages ${program}`);
  const dir = makeTempDir(program);
  mkdirSync(dir.join('temp'));
  const [port = 0] = await freePorts(1);
  writeFileSync(dir.join('conf'), configurationFor(dir.path, port));
  const places = { HOME: dir.path, XDG_CONFIG_HOME: dir.path, XDG_DATA_HOME: dir.path };
  const child = spawn(program, argsFor(dir.path), { stdio: 'ignore', env: { ...env, ...places } });
  process.once('exit', () => child.kill('SIGKILL'));
  await waitFor(() => accepts(port), { what: `${program} to accept` });
  return {
    port,
    place: dir.path,
    signal: async (name) => {
      child.kill(name);
    },
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      dir.remove();
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
