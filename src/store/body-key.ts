import type { BodySide } from '#exchange';

/** Where the recipe of a body stands. */
export interface BodyPlace {
  readonly table: 'bodies' | 'provider_bodies';
  readonly key: number;
}

/** One number for an exchange and a side, so that bodies need no index besides their own table. */
export function bodyPlace(sequence: number, side: BodySide): BodyPlace {
  switch (side) {
    case 'request':
      return { table: 'bodies', key: sequence * 2 };
    case 'response':
      return { table: 'bodies', key: sequence * 2 + 1 };
    case 'provider-request':
      return { table: 'provider_bodies', key: sequence * 2 };
    case 'provider-response':
      return { table: 'provider_bodies', key: sequence * 2 + 1 };
  }
}
