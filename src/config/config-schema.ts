import { z } from 'zod';
import { accessToken, browserOrigin, hostName, listenHosts } from './network-readers.ts';
import { priceRows } from './price-rows.ts';
import { providerSchema } from './provider-schema.ts';
import { routeRules } from './route-readers.ts';
import { routingSchema, subagentsSchema } from './routing-schema.ts';
import { optionalSetting, setting } from './setting.ts';
import {
  absolutePath,
  byteSize,
  byteSizeOrAuto,
  countOrAuto,
  duration,
  flag,
  listOf,
  oneOf,
  plainFlag,
  text,
  wholeNumber,
} from './setting-readers.ts';

const port = wholeNumber(0, 65_535);

const limitsSchema = z.strictObject({
  head_bytes: setting(byteSize, { default: '64KiB', meaning: 'Largest request head that is accepted.' }),
  header_fields: setting(wholeNumber(20, 2000), {
    default: 200,
    meaning: 'Most header fields of one request.',
  }),
  body_bytes: setting(byteSize, {
    default: 0,
    meaning: 'Largest request body that is forwarded; 0 means no limit.',
  }),
  piped_requests: setting(wholeNumber(1, 1000), {
    default: 16,
    meaning:
      'Requests that the front pipes to proxy-data at the same time; open event streams are counted apart, up to 64. Workers share both.',
  }),
});

const timeoutsSchema = z.strictObject({
  read: optionalSetting(duration, {
    env: ['READ_TIMEOUT'],
    meaning: 'Older name of `client_body_idle`; used when that is not set.',
  }),
  write: optionalSetting(duration, {
    env: ['WRITE_TIMEOUT'],
    meaning: 'Accepted and without effect: an answer may take as long as it keeps coming.',
  }),
  idle: optionalSetting(duration, {
    env: ['IDLE_TIMEOUT'],
    meaning: 'Older name of `keep_alive`; used when that is not set.',
  }),
  client_head: setting(duration, {
    default: '60s',
    meaning: 'A client must have sent its request head by then.',
  }),
  client_body_idle: setting(duration, {
    default: '10m',
    meaning: 'Longest silence of a client in its request body.',
  }),
  keep_alive: setting(duration, {
    default: '75s',
    meaning: 'An idle connection of a client is kept this long.',
  }),
  upstream_connect: setting(duration, {
    default: '10s',
    meaning: 'A connection to the provider must stand by then.',
  }),
  upstream_first_byte: setting(duration, {
    default: '15m',
    meaning: 'Longest wait for the first byte of an answer; clients wait up to ten minutes themselves.',
  }),
  upstream_idle: setting(duration, {
    default: '10m',
    meaning: 'Longest silence of a provider within an answer.',
  }),
  drain: setting(duration, {
    default: '15m',
    meaning: 'A stop waits this long for answers that are still coming.',
  }),
});

const serverSchema = z.strictObject({
  host: setting(listenHosts, {
    default: 'localhost',
    meaning: 'Address or list of addresses to listen on; `localhost` is 127.0.0.1 and ::1.',
  }),
  port: setting(port, {
    default: 3000,
    env: ['PORT'],
    meaning: 'Port of the one address a user needs; 0 takes any free one.',
  }),
  core_port: setting(port, { default: 3001, env: ['PROXY_CORE_PORT'], meaning: 'Port of proxy-core alone.' }),
  data_port: setting(port, { default: 3002, env: ['PROXY_DATA_PORT'], meaning: 'Port of proxy-data alone.' }),
  front: setting(oneOf('builtin', 'none'), {
    default: 'builtin',
    meaning: 'Who serves `server.port`: proxy-core itself, or a reverse proxy of yours (`none`).',
  }),
  allowed_hosts: setting(listOf(hostName), {
    default: [],
    meaning: 'Names, besides the loopback ones, that may stand in a `Host` header.',
  }),
  cors_origins: setting(listOf(browserOrigin), {
    default: [],
    meaning: 'Exact origins of web pages that may call this address.',
  }),
  token: optionalSetting(accessToken, {
    secret: true,
    meaning: 'Access token; without it a generated one is kept in the data directory.',
  }),
  allow_remote: setting(plainFlag, {
    default: false,
    meaning: 'Must be true, beside a `token`, before an address beyond loopback is served.',
  }),
  check_peer_user: setting(flag, {
    default: true,
    meaning: 'Refuse connections of other users of this machine where the platform can tell.',
  }),
  limits: limitsSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
});

const journalSchema = z.strictObject({
  durability: setting(oneOf('process', 'power'), {
    default: 'process',
    meaning: 'What the end of an answer waits for: the record is written, or also synced to the disk.',
  }),
  fsync_interval: setting(duration, {
    default: '100ms',
    meaning: 'How often the journal is synced to the disk.',
  }),
  pending_bytes: setting(byteSize, {
    default: '64MiB',
    meaning: 'Bytes waiting to be written, in each worker, over which bodies are left out of the record.',
  }),
  segment_bytes: setting(byteSize, { default: '64MiB', meaning: 'Size at which a segment file is sealed.' }),
  segment_age: setting(duration, { default: '10m', meaning: 'Age at which a segment file is sealed.' }),
  quota: setting(byteSizeOrAuto, {
    default: 'auto',
    meaning: 'Disk space for the journal; `auto` is the smaller of 5 GB and a tenth of the free space.',
  }),
  ballast: setting(byteSize, {
    default: '16MiB',
    meaning: 'Reserve file that is given up when the disk is full.',
  }),
  body_bytes: setting(byteSize, {
    default: '64MiB',
    meaning: 'Recorded part of one body; the rest is forwarded but not recorded.',
  }),
});

/**
 * The configuration as a user writes it: every key, its default, its variables and its meaning. The documentation,
 * the example, `config show` and the checks are all made from or held against this one value.
 */
export const configSchema = z.strictObject({
  server: serverSchema.prefault({}),
  core: z
    .strictObject({
      workers: setting(countOrAuto(16), {
        default: 'auto',
        meaning:
          'proxy-core processes that share the work, 1 to 16; `auto` is 1, and 2 on machines with four processors or more.',
      }),
    })
    .prefault({}),
  default_provider: setting(text, {
    default: 'anthropic',
    meaning: 'Provider of requests that no rule claims.',
  }),
  providers: z.record(z.string(), providerSchema).prefault({}),
  routes: setting(routeRules, {
    default: [],
    meaning: 'Rules that send requests to other providers and models; the first that holds decides.',
  }),
  storage: z
    .strictObject({
      engine: setting(oneOf('sqlite'), { default: 'sqlite', meaning: 'Where exchanges are stored.' }),
      db_path: setting(text, {
        default: `\${DATA_DIR}/throughline.db`,
        env: ['DB_PATH'],
        meaning: 'Database file; a relative path is relative to the configuration file.',
      }),
      keep_days: optionalSetting(wholeNumber(1, 36_500), {
        meaning:
          'Requests older than so many days are deleted with their bodies; absent = everything is kept.',
      }),
      keep_bodies_days: optionalSetting(wholeNumber(1, 36_500), {
        meaning:
          'Bodies of requests older than so many days are deleted, and everything else about them is kept; absent = all are kept.',
      }),
      max_size: optionalSetting(byteSize, {
        meaning:
          'When the database is larger, the oldest bodies are deleted, and when there are none, the oldest requests; absent = it grows as it likes.',
      }),
      min_free: optionalSetting(byteSize, {
        meaning:
          'When less of its disk is free, the oldest bodies are deleted; absent = nothing is, and health says so below 1GB.',
      }),
      requests_dir: optionalSetting(text, { meaning: 'Accepted and without effect: kept for older files.' }),
    })
    .prefault({}),
  journal: journalSchema.prefault({}),
  recorder: z
    .strictObject({
      replay_age: setting(duration, {
        default: '24h',
        meaning: 'Stored journal segments are kept this long.',
      }),
      replay_bytes: setting(byteSize, { default: '1GB', meaning: 'Space for stored journal segments.' }),
    })
    .prefault({}),
  transcripts: z
    .strictObject({
      index: setting(flag, {
        default: true,
        meaning: 'Read the transcripts that coding agents keep on this machine.',
      }),
      keep_deleted: setting(flag, {
        default: true,
        meaning: 'Keep what was read when the agent deletes its files.',
      }),
      claude_directories: setting(listOf(absolutePath), {
        default: [],
        meaning:
          'Directories of Claude Code instead of the usual ones: `$CLAUDE_CONFIG_DIR`, `~/.claude` and `~/.config/claude`.',
      }),
      codex_directories: setting(listOf(absolutePath), {
        default: [],
        meaning: 'Directories of Codex instead of the usual ones: `$CODEX_HOME` and `~/.codex`.',
      }),
    })
    .prefault({}),
  prices: setting(priceRows, {
    default: [],
    meaning:
      'What models cost, in US dollars for a million tokens, before the published prices: `{ model, provider, from, input, output, cache_read, cache_write_5m, cache_write_1h, long_context }`.',
  }),
  subagents: subagentsSchema.prefault({}),
  routing: routingSchema.prefault({}),
  log: z
    .strictObject({
      level: setting(oneOf('debug', 'info', 'warn', 'error'), {
        default: 'info',
        env: ['THROUGHLINE_LOG_LEVEL'],
        meaning: 'How much the services say.',
      }),
    })
    .prefault({}),
});

/** The configuration with defaults filled in and values read; paths and providers are not resolved yet. */
export type ReadConfig = z.infer<typeof configSchema>;
