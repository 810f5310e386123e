/** `http://host:port`, with an address for every interface replaced by one that can be called. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const callable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${callable.includes(':') ? `[${callable}]` : callable}:${port}`;
}
