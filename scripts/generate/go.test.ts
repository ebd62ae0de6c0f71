import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readPackage } from './go.ts';
import { buildModel } from './model.ts';
import { parseProto } from './proto.ts';
import { SmdSchema } from './smd.ts';
import { writeTable } from './table.ts';

const root = mkdtempSync(join(tmpdir(), 'coxswain-go-'));
after(() => rmSync(root, { recursive: true }));

const TYPES = `package v1

// Color is what it is.
// +enum
type Color string

const (
	// Red first.
	Red Color = "Red"
	Blue Color = "light blue"
)

// +genclient

// Widget is a kind.
type Widget struct {
	Common \`json:",inline" protobuf:"bytes,2,opt,name=common"\`
	// Parts have keys.
	// +listType=map
	// +listMapKey=name
	// +listMapKey=port
	// +patchStrategy=merge
	Parts []*Part \`json:"parts,omitempty" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,1,rep,name=parts"\`
	// Tombstone: Old string \`json:"old" protobuf:"bytes,9,opt,name=old"\`

	// +required
	Color *Color \`json:"color,omitempty" protobuf:"bytes,3,opt,name=color"\` // why not
	Map map[string]Names \`json:"map" protobuf:"bytes,4,rep,name=map"\`
	Hidden string \`json:"-"\`
}

type Common struct {
	// +optional
	// +default="a,b"
	Size string \`json:"size" protobuf:"bytes,1,opt,name=size"\`
}

// +protobuf.nullable=true
type Names []string

// +structType=atomic
type Part struct {
	Name string \`json:"name" protobuf:"bytes,1,opt,name=name"\`
	Port int32 \`json:"port" protobuf:"varint,2,opt,name=port"\`
}
`;

function table(): string[] {
  const path = 'example.dev/api/v1';
  const directory = join(root, path);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'types.go'), TYPES);
  writeFileSync(
    join(directory, 'register.go'),
    'const GroupName = "example.dev"\n\t\t&Widget{},\n',
  );
  writeFileSync(join(directory, 'zz_generated.model_name.go'), 'return "dev.example.v1.Widget"\n');
  const facts = readPackage(root, { path, file: 'example-v1', interfaces: true });
  return writeTable(buildModel([facts]), new SmdSchema([])).split('\n');
}

describe('the generator', () => {
  it('writes the package, its enums and its types', () => {
    const lines = table();
    assert.deepEqual(lines.slice(3, 9), [
      'P dev.example.v1 v1 example.dev',
      'E Color Red|light blue',
      'Common;size,1,s,,d="a,b"',
      'Part atomic;name,1,s,r;port,2,i,r',
      'Widget!;,2,@Common;parts,1,[@Part,o,s=merge,k=name,l=map,K=name+port;color,3,s,por,e=Color,n=v1.Color;map,4,{(s,r,n=map[string]v1.Names',
      '`;',
    ]);
  });

  it('says where the structured-merge schema disagrees with the markers', () => {
    const path = 'example.dev/api/v1';
    const models = buildModel([readPackage(root, { path, file: 'example-v1', interfaces: true })]);
    const list = { elementRelationship: 'associative', keys: ['name'] };
    const smd = new SmdSchema([
      { name: 'dev.example.v1.Widget', map: { fields: [{ name: 'parts', type: { list } }] } },
      { name: 'dev.example.v1.Part', map: {} },
    ]);
    assert.deepEqual(smd.disagreements(models), [
      'dev.example.v1.Part: atomic is true',
      'dev.example.v1.Widget.parts: keys name,port, expected name',
    ]);
  });

  it('reads messages, nested enums and maps of a .proto file', () => {
    const file = parseProto(`
      message M { // a { brace
        enum Kind { X = 0; }
      }
      message N {
        enum Kind {
          X = 0;
          Y = 1;
        }
        repeated string names = 1 [deprecated=true];
        map<string, int64> sizes = 2;
        Kind kind = 3;
      }
      message Empty {}
    `);
    assert.deepEqual(file.enums.find((entry) => entry.name === 'NKind')?.values, [
      ['X', 0],
      ['Y', 1],
    ]);
    const fields = file.messages.find((message) => message.name === 'N')?.fields;
    assert.deepEqual(
      fields?.map(({ name, type, mapKey }) => [name, type, mapKey]),
      [
        ['names', 'string', undefined],
        ['sizes', 'int64', 'string'],
        ['kind', 'Kind', undefined],
      ],
    );
  });
});
