/**
 * What a request and its answer consist of, block by block, so that nobody has to load a body to know: where each block
 * stands, what it is, how large, and a hash by which equal ones are found. Pure; meets hostile input.
 *
 * Read `outline.ts` first, then `compare-outlines.ts`.
 */
export { type ComparedRow, type Comparison, compareOutlines } from './compare-outlines.ts';
export { type BlockContent, blocksOfAnswer, blocksOfRequest, type OutlineBlock } from './outline.ts';
