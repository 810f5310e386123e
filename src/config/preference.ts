import { oneOf } from './setting-readers.ts';

/** What matters when several providers could answer. */
export const preference = oneOf('cost', 'speed', 'quality', 'balanced');

export type Preference = 'cost' | 'speed' | 'quality' | 'balanced';
