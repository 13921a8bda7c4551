// The accounts of the identity providers written in Node: the same people as everywhere.
export const people = {
  alice: { password: 'alicepw', email: 'alice@example.com', name: 'Alice Åberg & Söner', groups: ['engineering', 'everyone'] },
  bob: { password: 'bobpw', email: 'bob@example.com', name: 'Bob', groups: ['contractors', 'everyone'] },
  carol: { password: 'carolpw', email: 'carol@example.com', name: 'Carol', groups: ['sales', 'everyone'] },
};
