//! Numbers of the keys in [`super::recipe`], as hexadecimal text. RSA and DSA were made with OpenSSL
//! 3, the EC keys of the recipes too; the DH group is the second Oakley group of RFC 2409 section 6.2. They
//! are as small as modules take, since a fuzzer is to make many calls, and protect nothing.

pub(super) const MODULUS: &str = "\
    c2f8b850e90a5be006dd591047caf892cfdedcc68a1b5646ac8d59bfbf973933fd9f8425a378b3ce2fc8\
    33919bdfd98bac193ae4fcfd1dd870aa3d1537a81b095f4bd24a8add5c28ed052b1a05880992399af726\
    73fec366ffa371fae9989bc9d20acce42a4d5d41f210b2e96d758d6c32713a81e67f469f511ab9b30f48\
    4e1b";
pub(super) const PRIVATE_EXPONENT: &str = "\
    45506d1e7eaaeb1ccaf3f84cdc692153f848afce799cdc6045c9fec53794c8865e3d4e9a9ef233623304\
    86a8d6748f7fa35058eabdb232e116b4bf008307e58c207d485cb1497db655ddfc5830ef85da08de6a53\
    e0f2bddd0f0d8cde0d7d2e478f2b17d06466fdebbc0c31795bedf8918077dc8e4ee991b27580a058df1c\
    f971";
pub(super) const PRIME_1: &str = "\
    fb3d427c2e078b169abc3db99ec6f7f6c4e98b4f04138593cef2353e7c01a38dfe160646e9fcd3554289\
    bfc527fab7d6c14c328b5d5d13fcb195dcd97e86fee3";
pub(super) const PRIME_2: &str = "\
    c6aa82a4ab271d299ea7f7b6c5948ca3e5ba7eae9aafd29965785557758acc4672b2a175b9f9dd748c31\
    1be37bee43b7dd9f06afc539e15ee4b4faa1bb7fa169";
pub(super) const EXPONENT_1: &str = "\
    7541bb14effaaf4ca67d32a5be580884d0945b634e78ba002936dbe8c4c1930f03464e39ac9d4618e5cc\
    1a87aec8122315e63534dc2743dbcd1a2f9006c08497";
pub(super) const EXPONENT_2: &str = "\
    4c4d62fe01ea74edee4ccefc78e87417e2fcfcf8ecda88c577ce7ee0a77996b99c05f5b374a97e1fec54\
    5444cbed983ebf34fbe97893a176c3daaac4817224b9";
pub(super) const COEFFICIENT: &str = "\
    11e1bba340105fb23ebb9b1de2fe8f258cc8638572e1af351db4e43f1b4ddf8f33ee988f2c4168e94f35\
    e7083863350c94b8877516e1c6a97c170fda382543a7";
pub(super) const DSA_PRIME: &str = "\
    af3c380bd3b77e3dceabb86849c5b098b6a4132258c2d1ee49a41556e7425166d4180d6674f59b1e155e\
    f7f3fa275e3983d82569614afdfd37dc6dd1580810f0b8161fc331f870cfe25e526c0a82da4cad109658\
    fcad30cb10e0791eac36c3fde94f1205f896f181182ca4badca14f0bbab79b348aa7e4cce22cdd990206\
    624b";
pub(super) const DSA_SUBPRIME: &str = "\
    fbb214ad728e81505a86af20ad9a85b829ef144c94979a0ee558230b";
pub(super) const DSA_BASE: &str = "\
    552542be05895cf39d9e114c94bf577d1472821939f4a349acab2dbe509816454e83d348689cde1adca6\
    f43a2d893325242cc484a7b6ba9842003159a0ea8401067f3c356b139994e002224811feadcc18d026ed\
    e84f3c58868076a427dafb128f216e7f76371e4d1ed43be1292e19c3a641b4fac7bedd6f36e27760816c\
    7813";
pub(super) const DSA_PRIVATE: &str = "7ae9732adc38da60b719f92e04b9d7bb58e3ee7af65b4873700eb69e";
pub(super) const DSA_PUBLIC: &str = "\
    0368034e31b55b3892517336813a3249e41e51f08bffbac7a9088065a8f31fbe1c13b326bc0eb2e27ad5\
    c4a2e5f53a7bc9de1c53092793d4b6f5bbf2fcf2fa62e502a58c6d211452a38c544091a72710247aaa51\
    5fb4f8e3b4e42f3b441e2b77e366ce84a8f6785543e6b6e3d66aa8b690efebd0fb30f9a67f0ab78eb7e0\
    2631";
pub(super) const DH_PRIME: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a\
    08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9\
    a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffff\
    ffff";
pub(super) const DH_PRIVATE: &str = "df2f2262178345d26c8c7165ede2820a41089991";
pub(super) const DH_PUBLIC: &str = "\
    c3280e71cbea9b1c00902542997884fbf8d72022058dac6a258f64cbd22144851dde5795e02c3eb4cffd\
    09a17f7e0271e37287d07525df6c3fca331596163af568f39f1c10b870b01ca97a43601795ebc2007676\
    aa9fd3cfa04247aa0cba33340dffd9b52ed51b822600539a42a32f45642188d08e7f7cc65ef91ae1f88d\
    fa25";
pub(super) const EC_PRIVATE: &str =
    "adbd39b0e51d71b78c936a4f6744c6fb31e66355e2c9506866945c15201d0813";
pub(super) const EC_POINT: &str = "\
    044104b7d6c6b23fd514128edea14cf76f3b76aca1101127fb574944c0a03681563366f65043920af91d\
    3a9ba5f0fcf339f8cafefdffd75935d60e5e3bb3ed2aa65217";
/// RFC 7748 section 6.1, Bob.
pub(super) const X25519_PUBLIC: &str =
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
