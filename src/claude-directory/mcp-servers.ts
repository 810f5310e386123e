import { maskArguments, maskSecrets, maskText } from './mask-secrets.ts';
import { isObject, parseObject } from './read-first.ts';

/** What `.mcp.json` of the user says. */
export interface McpServers {
  /** By name. */
  readonly servers: readonly {
    readonly name: string;
    /** Empty for a server that is reached by an address. */
    readonly command: string;
    readonly type: string;
    readonly args?: readonly string[];
    readonly url?: string;
  }[];
  /** The whole file, secrets masked. */
  readonly raw: unknown;
}

/** Reads the text of `.mcp.json`; undefined when it is not a JSON object. */
export function parseMcpServers(text: string): McpServers | undefined {
  const written = parseObject(text);
  if (written === undefined) return undefined;
  const servers = isObject(written.mcpServers) ? Object.entries(written.mcpServers) : [];
  return {
    servers: servers.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, server]) => describe(name, server)),
    raw: maskSecrets(written),
  };
}

function describe(name: string, server: unknown): McpServers['servers'][number] {
  const { command, type, args, url } = isObject(server) ? server : {};
  const usual = typeof url === 'string' ? 'http' : 'stdio';
  return {
    name,
    command: typeof command === 'string' ? maskText(command) : '',
    type: typeof type === 'string' ? type : usual,
    ...(Array.isArray(args) ? { args: maskArguments(args.map(String)) } : {}),
    ...(typeof url === 'string' ? { url: maskText(url) } : {}),
  };
}
