import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { makeTempDir, waitFor } from '#test-support';

/** The reference: a real nginx with one process, forwarding to one origin with keep-alive and without buffering. */
export interface Nginx {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** Rejects with the command that installs it when nginx is missing. @param upstreamPort on 127.0.0.1 */
export async function startNginx(upstreamPort: number): Promise<Nginx> {
  const found = ['/usr/sbin/nginx', 'nginx'].find((path) => spawnSync(path, ['-v']).status === 0);
  if (found === undefined)
    throw new Error(
      'nginx is not installed: run "scripts/toolchain packages nginx-light" or install it with your package manager',
    );
  const dir = makeTempDir('nginx');
  mkdirSync(dir.join('temp'));
  const port = await freePort();
  writeFileSync(dir.join('nginx.conf'), configuration(dir.path, port, upstreamPort));
  const child: ChildProcess = spawn(
    found,
    ['-p', dir.path, '-c', dir.join('nginx.conf'), '-e', dir.join('error.log')],
    { stdio: 'inherit' },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  await waitFor(() => accepts(port), { what: 'nginx to accept' });
  return {
    pid: child.pid ?? -1,
    port,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      dir.remove();
    },
  };
}

function configuration(directory: string, port: number, upstreamPort: number): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${directory}/temp/${name};`,
  );
  return `daemon off;
master_process off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
${temp.join('\n')}
  access_log off;
  client_max_body_size 0;
  keepalive_requests 10000000;
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
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
