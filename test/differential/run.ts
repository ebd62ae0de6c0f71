/** Asks servers a corpus, many cases at a time. */
import type { Corpus } from './corpus.ts';
import type { Answer, Case, CaseRequest, Subject } from './model.ts';

/** Requests under way at a time. */
const PARALLEL = 16;

export type Answers = ReadonlyMap<string, readonly Answer[]>;

/**
 * Asks everything in the corpus' order; what is stored is taken away at the end, unless the server
 * itself is thrown away (`isLast`).
 */
export async function askAll(
  subject: Subject,
  corpus: Corpus,
  { isLast = false }: { readonly isLast?: boolean } = {},
): Promise<Answers> {
  const answers = new Map<string, readonly Answer[]>();
  for (const request of corpus.setUp) await subject.ask(request);
  try {
    await askCases(subject, corpus.creates, answers);
    for (const request of corpus.stored) await store(subject, request, answers);
    await settle(subject, corpus);
    await askCases(subject, corpus.others, answers);
  } finally {
    if (!isLast) await cleanUp(subject, corpus);
  }
  return answers;
}

async function store(
  subject: Subject,
  request: CaseRequest,
  answers: Map<string, readonly Answer[]>,
): Promise<void> {
  const answer = await subject.ask(request);
  const id = `store ${request.url} ${JSON.stringify(request.body).slice(0, 120)}`;
  answers.set(id, [answer]);
}

/** What the server itself writes of a new object (a status) it has written by then. */
const SETTLE_MS = 2_000;

/** Other requests change what one of these has stored. */
function isCreate({ method }: CaseRequest): boolean {
  return method === 'POST';
}

/** Reads what is stored once more: its versions are those that the cases ask with. */
async function settle(subject: Subject, { stored }: Corpus): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  for (const { url, body } of stored.filter(isCreate)) {
    const { metadata } = body as { metadata: { name: string } };
    await subject.ask({ method: 'GET', url: `${url}/${encodeURIComponent(metadata.name)}` });
  }
}

async function askCases(
  subject: Subject,
  cases: readonly Case[],
  answers: Map<string, readonly Answer[]>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let entry = cases[next++]; entry !== undefined; entry = cases[next++]) {
      const found: Answer[] = [];
      for (const request of entry.requests) found.push(await subject.ask(request));
      answers.set(entry.id, found);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

/** There may be no controller that would take finalizers away. */
async function cleanUp(subject: Subject, { setUp, stored }: Corpus): Promise<void> {
  for (const { url, body } of [...setUp, ...stored].filter(isCreate).toReversed()) {
    const { kind, metadata } = body as { kind: string; metadata: { name: string } };
    const object = `${url}/${encodeURIComponent(metadata.name)}`;
    const headers = { 'content-type': 'application/merge-patch+json' };
    const freed = { metadata: { finalizers: null } };
    const query = 'gracePeriodSeconds=0&propagationPolicy=Background';
    await subject.ask({ method: 'PATCH', url: object, headers, body: freed });
    await subject.ask({ method: 'DELETE', url: `${object}?${query}` });
    if (kind !== 'Namespace') continue;
    const finalized = { apiVersion: 'v1', kind, metadata, spec: { finalizers: [] } };
    await subject.ask({ method: 'PUT', url: `${object}/finalize`, body: finalized });
  }
}
