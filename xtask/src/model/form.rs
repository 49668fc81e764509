//! The forms of the test model, each with its pinned checksum.

use super::gguf::Type;

/// How the weights are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// 8 bits a weight: the default.
    #[default]
    #[value(name = "q8_0")]
    Q8_0,
    /// Dense 32-bit floats.
    #[value(name = "f32")]
    F32,
    /// 4 bits a weight, symmetric.
    #[value(name = "q4_0")]
    Q4_0,
    /// 4 bits a weight with an offset: the file as it is shipped.
    #[value(name = "q4_1")]
    Q4_1,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Q8_0, Self::F32, Self::Q4_0, Self::Q4_1];
    /// The form in the wheel; the others are made from it.
    pub const SHIPPED: Self = Self::Q4_1;

    /// The file's name in the model folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Q8_0 => "SmolLM2-135M-Instruct.Q8_0.gguf",
            Self::F32 => "SmolLM2-135M-Instruct.F32.gguf",
            Self::Q4_0 => "SmolLM2-135M-Instruct.Q4_0.gguf",
            Self::Q4_1 => "SmolLM2-135M-Instruct.Q4_1.gguf",
        }
    }

    /// The file's SHA-256. A change to the converter that changes its output must change this too.
    pub fn sha256(self) -> &'static str {
        match self {
            Self::Q8_0 => "0c1d3326cd9793cfb7296113c063dd5c24e2bd734b48ec1a3d01b7158eca9387",
            Self::F32 => "f0089e79d6755eb5fbbf61cf4a16ba6bd79641f199875d1dc38cef994afdd0fd",
            Self::Q4_0 => "c624c2bea4349b36453448197f53b3935a96da7934904c124a612716c348a8ff",
            Self::Q4_1 => "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        }
    }

    /// The value of the metadata key `general.file_type`.
    pub fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
        }
    }

    /// What a tensor stored as `stored` becomes in this form.
    ///
    /// Norms are stored as `F32` and stay so. The embedding is stored as `Q8_0`, is the output matrix too, and is
    /// never made coarser than it is: `Q4_0` files of other tools keep it finer as well.
    pub fn tensor_type(self, stored: Type) -> Type {
        match (self, stored) {
            (_, Type::F32) | (Self::F32, _) => Type::F32,
            (Self::Q8_0, _) | (Self::Q4_0 | Self::Q4_1, Type::Q8_0) => Type::Q8_0,
            (Self::Q4_0, _) => Type::Q4_0,
            (Self::Q4_1, _) => stored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_a_sha256() {
        for form in Form::ALL {
            assert_eq!(hex::decode(form.sha256()).map(|bytes| bytes.len()), Ok(32), "{form:?}");
        }
    }

    #[test]
    fn norms_and_the_embedding_are_never_coarsened() {
        for form in Form::ALL {
            assert_eq!(form.tensor_type(Type::F32), Type::F32, "{form:?}");
        }
        assert_eq!(Form::Q4_0.tensor_type(Type::Q8_0), Type::Q8_0);
        assert_eq!(Form::Q4_0.tensor_type(Type::Q4_1), Type::Q4_0);
        assert_eq!(Form::F32.tensor_type(Type::Q8_0), Type::F32);
    }
}
