/** The parts of the protocol that the stand-in reads and writes, as @grpc/proto-loader shows them. */
export interface WireTimestamp {
  readonly seconds: string;
  readonly nanos: number;
}

/** Exactly one member is set. */
export interface Value {
  readonly nullValue?: "NULL_VALUE";
  readonly booleanValue?: boolean;
  readonly integerValue?: string;
  readonly doubleValue?: number;
  readonly timestampValue?: WireTimestamp;
  readonly stringValue?: string;
  readonly bytesValue?: Buffer;
  readonly referenceValue?: string;
  readonly geoPointValue?: { readonly latitude: number; readonly longitude: number };
  readonly arrayValue?: { readonly values: readonly Value[] };
  readonly mapValue?: { readonly fields: Fields };
}

export type Fields = Readonly<Record<string, Value>>;

export interface WireDocument {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime: WireTimestamp | null;
  readonly updateTime: WireTimestamp | null;
}

export interface DocumentMask {
  readonly fieldPaths: readonly string[];
}

export interface Precondition {
  readonly exists?: boolean;
  readonly updateTime?: WireTimestamp;
}

export interface FieldTransform {
  readonly fieldPath: string;
  readonly setToServerValue?: string;
  readonly increment?: Value;
  readonly maximum?: Value;
  readonly minimum?: Value;
  readonly appendMissingElements?: { readonly values: readonly Value[] };
  readonly removeAllFromArray?: { readonly values: readonly Value[] };
}

export interface Write {
  readonly update?: WireDocument;
  readonly delete?: string;
  readonly transform?: { readonly document: string; readonly fieldTransforms: readonly FieldTransform[] };
  readonly updateMask: DocumentMask | null;
  readonly updateTransforms: readonly FieldTransform[];
  readonly currentDocument: Precondition | null;
}

export interface WriteResult {
  readonly updateTime: WireTimestamp | null;
  readonly transformResults: readonly Value[];
}

export interface TransactionOptions {
  readonly readOnly?: { readonly readTime?: WireTimestamp };
  readonly readWrite?: { readonly retryTransaction: Buffer };
}

/** What a read is to see; one member, or none for the present. */
export interface Consistency {
  readonly transaction?: Buffer;
  readonly newTransaction?: TransactionOptions;
  readonly readTime?: WireTimestamp;
}

export interface FieldReference {
  readonly fieldPath: string;
}

export interface Filter {
  readonly compositeFilter?: { readonly op: string; readonly filters: readonly Filter[] };
  readonly fieldFilter?: { readonly field: FieldReference; readonly op: string; readonly value: Value };
  readonly unaryFilter?: { readonly field?: FieldReference; readonly op: string };
}

export interface Cursor {
  readonly values: readonly Value[];
  readonly before: boolean;
}

export interface StructuredQuery {
  readonly select: { readonly fields: readonly FieldReference[] } | null;
  readonly from: readonly { readonly collectionId: string; readonly allDescendants: boolean }[];
  readonly where: Filter | null;
  readonly orderBy: readonly { readonly field: FieldReference; readonly direction: string }[];
  readonly startAt: Cursor | null;
  readonly endAt: Cursor | null;
  readonly offset: number;
  readonly limit: { readonly value: number } | null;
  readonly findNearest: object | null;
}

export interface Aggregation {
  readonly count?: { readonly upTo: { readonly value: string } | null };
  readonly sum?: { readonly field: FieldReference };
  readonly avg?: { readonly field: FieldReference };
  readonly alias: string;
}

/** Microseconds since the epoch: the precision of Firestore's times. */
export type Micros = bigint;

export function microsOf(time: WireTimestamp): Micros {
  return BigInt(time.seconds) * 1_000_000n + BigInt(Math.floor(time.nanos / 1000));
}

export function wireTime(micros: Micros): WireTimestamp {
  // The remainder of a negative bigint is negative; nanos must not be.
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return { seconds: String((micros - fraction) / 1_000_000n), nanos: Number(fraction) * 1000 };
}
