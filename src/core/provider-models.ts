import type { CoreProvider, ModelOverrides } from '#core-config';
import { fitsGlob } from '#routing';

/** How a provider calls a model, and what the configuration says about it. */
export interface ProviderModel {
  readonly name: string;
  readonly overrides: ModelOverrides;
}

/** The first entry of the provider's `models` that fits decides. */
export function providerModel({ models = [] }: Pick<CoreProvider, 'models'>, model: string): ProviderModel {
  const settings = models.find(({ match }) => fitsGlob(model, match));
  return { name: settings?.name ?? model, overrides: settings?.capabilities ?? {} };
}

/** Whether bodies have to be looked into because this provider has names of its own for models. */
export function renamesModels({ models = [] }: Pick<CoreProvider, 'models'>): boolean {
  return models.some(({ name }) => name !== undefined);
}
