export function delayNames(outcomes: Record<string, string[]>): () => void;
