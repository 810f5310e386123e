/**
 * What tokens cost. Prices are those that providers publish, dated, out of a maintained data package; nothing is
 * fetched. An unknown model has an unknown price, which is not zero. Pure: the same arguments give the same price.
 */
export { costNanos, type PricedTokens } from './cost.ts';
export type { OwnPrice } from './own-prices.ts';
export { createPriceList, type PriceList, pricesVersion, versionOfPrices } from './price-list.ts';
