// The one person that saml-idp knows, and what it says about her.
const attribute = (id, multiValue = false) => ({ id, optional: true, displayName: id, description: id, multiValue });

module.exports = {
  user: {
    userName: 'alice@example.com',
    nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    uid: 'alice', mail: 'alice@example.com', displayName: 'Alice Åberg & Söner', groups: 'engineering,everyone',
  },
  metadata: [attribute('uid'), attribute('mail'), attribute('displayName'), attribute('groups', true)],
};
