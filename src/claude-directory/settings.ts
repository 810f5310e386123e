import { maskSecrets, maskText } from './mask-secrets.ts';
import { isObject, parseObject } from './read-first.ts';

/** What `settings.json` of the user says. */
export interface Settings {
  /** As written; null when absent. */
  readonly model: unknown;
  /** Empty when absent. */
  readonly defaultMode: string;
  /** What may be used without asking, in groups. */
  readonly permissions: Readonly<Record<'bash' | 'tools' | 'mcp' | 'other', readonly string[]>>;
  readonly plugins: { readonly enabled: readonly string[]; readonly disabled: readonly string[] };
  /** The whole file, secrets masked. */
  readonly raw: unknown;
}

/** Reads the text of `settings.json`; undefined when it is not a JSON object. */
export function parseSettings(text: string): Settings | undefined {
  const written = parseObject(text);
  if (written === undefined) return undefined;
  const permissions = isObject(written.permissions) ? written.permissions : {};
  const { defaultMode, allow } = permissions;
  return {
    model: maskSecrets(written.model ?? null),
    defaultMode: typeof defaultMode === 'string' ? maskText(defaultMode) : '',
    permissions: groupPermissions(Array.isArray(allow) ? allow : []),
    plugins: splitPlugins(written.enabledPlugins),
    raw: maskSecrets(written),
  };
}

function groupPermissions(allow: readonly unknown[]): Settings['permissions'] {
  const groups = { bash: [], tools: [], mcp: [], other: [] } as Record<
    keyof Settings['permissions'],
    string[]
  >;
  for (const rule of allow) {
    if (typeof rule !== 'string') continue;
    const shown = maskText(rule);
    if (rule.startsWith('Bash(')) groups.bash.push(shown.slice('Bash('.length).replace(/\)$/, ''));
    else if (rule.includes('mcp')) groups.mcp.push(shown);
    else if (rule.includes('(')) groups.tools.push(shown);
    else groups.other.push(shown);
  }
  return groups;
}

function splitPlugins(written: unknown): Settings['plugins'] {
  const plugins = isObject(written) ? Object.entries(written).sort(([a], [b]) => (a < b ? -1 : 1)) : [];
  return {
    enabled: plugins.filter(([, isOn]) => isOn === true).map(([name]) => name),
    disabled: plugins.filter(([, isOn]) => isOn !== true).map(([name]) => name),
  };
}
