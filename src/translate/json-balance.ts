/** Watches the text of a JSON object go by, in any pieces, and tells where it ends. */
export interface JsonBalance {
  /** How many characters of the piece belong to the object and what stands in front of it; the rest comes after its end. */
  take(piece: string): number;
  /** The object was closed. */
  readonly isComplete: boolean;
  /** Something other than an object came first: there is no end to be seen. */
  readonly isOther: boolean;
}

export function createJsonBalance(): JsonBalance {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let isComplete = false;
  let isOther = false;

  function take(piece: string): number {
    if (isComplete) return 0;
    for (let at = 0; at < piece.length; at += 1) {
      if (isOther) return piece.length;
      takeCharacter(piece[at]!);
      if (isComplete) return at + 1;
    }
    return piece.length;
  }

  function takeCharacter(character: string): void {
    if (isInString) {
      if (isEscaped) isEscaped = false;
      else if (character === '\\') isEscaped = true;
      else if (character === '"') isInString = false;
    } else if (character === '{' || (character === '[' && depth > 0)) {
      depth += 1;
    } else if (depth === 0) {
      isOther = character.trim() !== '';
    } else if (character === '"') {
      isInString = true;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      isComplete = depth === 0;
    }
  }

  return {
    take,
    get isComplete() {
      return isComplete;
    },
    get isOther() {
      return isOther;
    },
  };
}
